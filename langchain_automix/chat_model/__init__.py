"""The face: `AutoMixChatModel`."""
